import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment


def test_it_reads_each_type():
    environment = Environment({"NAME": " x ", "ON": "Yes", "COUNT": "4", "HOSTS": "a, b,", "COLOR": "red"})
    assert environment.text("NAME") == "x"
    assert environment.boolean("ON") is True
    assert environment.integer("COUNT", least=1, most=8) == 4
    assert environment.list("HOSTS") == ["a", "b"]
    assert environment.choice("COLOR", ("red", "blue")) == "red"
    environment.finish()


def test_an_absent_or_empty_variable_gives_the_default():
    environment = Environment({"EMPTY": ""})
    assert environment.text("EMPTY", "fallback") == "fallback"
    assert environment.integer("ABSENT", 3, least=1, most=8) == 3
    environment.finish()


@pytest.mark.parametrize("value", ["0", "9", "four", "1.5", "1e1"])
def test_a_number_out_of_range_is_a_problem(value):
    environment = Environment({"COUNT": value})
    environment.integer("COUNT", 3, least=1, most=8)
    with pytest.raises(ImproperlyConfigured, match="COUNT must be a whole number from 1 to 8"):
        environment.finish()


def test_all_problems_come_on_one_line_and_no_value_with_them():
    environment = Environment({"ON": "hunter2", "COLOR": "hunter2"})
    environment.boolean("ON")
    environment.choice("COLOR", ("red", "blue"))
    environment.text("KEY")
    with pytest.raises(ImproperlyConfigured) as raised:
        environment.finish()
    assert str(raised.value) == (
        "3 problems in the environment variables: "
        "ON must be true or false; COLOR must be one of red, blue; KEY is missing"
    )
