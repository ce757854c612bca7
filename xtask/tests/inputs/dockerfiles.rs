//! The reach of targets: stages, bases, context paths and named contexts. An instruction that cannot be resolved
//! reaches everything.

use std::collections::{BTreeMap, BTreeSet};

use xtask::error::{Exit, Failure};
use xtask::image::Platform;
use xtask::image::dockerfile::{BaseFacts, ContextReach, Dockerfile, Question, Reach};

fn reach_of(text: &str, target: Option<&str>) -> Result<Reach, Failure> {
    let args = BTreeMap::from([("GIVEN".to_owned(), "from/config".to_owned())]);
    let contexts = BTreeSet::from(["app".to_owned(), "assets".to_owned()]);
    let facts =
        BaseFacts { variables: BTreeMap::from([("HOME_DIR".to_owned(), "base".to_owned())]), has_triggers: false };
    let triggers = BaseFacts { has_triggers: true, ..BaseFacts::default() };
    let bases = [
        ("base", Some(facts)),
        ("other:1", Some(BaseFacts::default())),
        ("triggers", Some(triggers)),
        ("unread", None),
    ];
    let bases = bases.into_iter().map(|(name, facts)| (name.to_owned(), facts)).collect();
    Dockerfile::parse(text, "Dockerfile".into())?.reach(&Question {
        target,
        args: &args,
        platform: Platform::LinuxAmd64,
        contexts: &contexts,
        bases: &bases,
    })
}

fn show(reach: &ContextReach) -> String {
    match reach {
        ContextReach::Everything => "everything".to_owned(),
        ContextReach::Paths(paths) => paths.iter().cloned().collect::<Vec<_>>().join(" "),
    }
}

/// Checks the context paths that instructions in a stage based on `base` reach.
fn check(instructions: &str, expected: &str) {
    let reach = reach_of(&format!("FROM base\n{instructions}\n"), None).unwrap();
    assert_eq!(show(&reach.context), expected, "{instructions}");
}

#[test]
fn reaches_sources_of_copy_and_add() {
    check("RUN true", "");
    check("COPY a b /x/", "a b");
    check("COPY . /x", "everything");
    check("COPY / /x", "everything");
    check("COPY ./a/ /b/../c /x/", "a c");
    check("COPY ../a /x", "a");
    check("COPY [\"a b\", \"c\", \"/x/\"]", "a b c");
    check("COPY --chown=1:1 --chmod=644 --link a /x", "a");
    check("COPY *.py req*/ /x/", "*.py req*");
    check("COPY [[]a] /x", "[[]a]");
    check("COPY --exclude=*.md docs /x", "docs");
    check("COPY --parents a/./b/*.txt /x", "a/b/*.txt");
    check("COPY a \\\n  # not c\n  b \\\n  /x/", "a b");
    check("COPY <<EOF /x\nCOPY secret /y\nEOF\nCOPY a /x", "a");
    check("COPY <<A b <<C /x/\nb\nA\nc\nC", "b");
    check("RUN cat <<EOF >/x\nCOPY secret /y\nEOF", "");
    check("ADD https://example.com/a.tar git@example.com:a.git b /x/", "b");
    check("ADD a.tar.gz /x", "a.tar.gz");
    check("copy a /x", "a");
}

#[test]
fn reaches_mounts_of_run() {
    check("RUN --mount=type=bind,target=/src make", "everything");
    check("RUN --mount=target=/src,source=pyproject.toml make", "pyproject.toml");
    check("RUN --mount=type=bind,src=a,dst=/a --mount=type=bind,SOURCE=b,dst=/b make", "a b");
    check("RUN --mount=type=cache,target=/root/.cache make", "");
    check("RUN --mount=type=secret,id=ca --mount=type=ssh --mount=type=tmpfs,target=/t make", "");
    check("RUN --network=none --mount=type=bind,source=a,target=/a \\\n make", "a");
    check("RUN --mount=type=$KIND,target=/a make", "everything");
    check("RUN \"--mount=type=bind,target=/src\" make", "");
    check("RUN --mount=type=bind,\"source=a,b\",target=/src make", "everything");
}

#[test]
fn expands_variables_in_sources() {
    check("ENV D=src\nCOPY $D/a ${D}/b /x/", "src/a src/b");
    check("ENV D src dir\nCOPY \"$D\" /x/", "src dir");
    check("ENV A=a B=$A\nENV C=${A:-x}${NOT:+y}\nCOPY ${C}c /x", "ac");
    check("ARG D=src\nCOPY $D /x/", "src");
    check("ARG GIVEN=default\nCOPY $GIVEN /x/", "from/config");
    check("ARG A=1\nARG B=${A}2\nCOPY f$B /x/", "f12");
    check("COPY bin/$TARGETARCH /x/", "bin");
    check("ARG TARGETARCH\nCOPY bin/$TARGETARCH /x/", "bin/amd64");
    check("ARG HOME_DIR\nCOPY $HOME_DIR /x/", "base");
    check("ARG D=src\nENV D=$D\nCOPY $D /x/", "src");
    check("COPY $HOME_DIR/f /x/", "base/f");
    check("ENV HOME_DIR=\nCOPY ${HOME_DIR:-d} /x/", "d");
}

#[test]
fn unresolved_source_reaches_everything() {
    for instruction in [
        "COPY ${A%x} /x",
        "COPY ${A/x/y} /x",
        "COPY a\\*b /x",
        "COPY [a /x",
        "COPY \"a b\" /x",
        "ARG BUILDARCH\nCOPY $BUILDARCH /x",
        "ARG HTTP_PROXY\nCOPY a$HTTP_PROXY /x",
        "COPY $1 /x",
        "ARG HOME_DIR=mine\nCOPY $HOME_DIR /x/",
        "ENV A=a\nARG A=b\nCOPY $A /x/",
        "ENV A=$1\nCOPY $A /x",
    ] {
        check(instruction, "everything");
    }
    for text in ["FROM unseen\nARG A=a\nCOPY $A /x", "FROM triggers\nCOPY a /x", "FROM unread\nRUN x"] {
        let reach = reach_of(text, None).unwrap();
        assert_eq!(show(&reach.context), "everything", "{text}");
        assert_eq!(show(&reach.named["app"]), "everything", "a trigger may copy from a named context: {text}");
    }
}

#[test]
fn base_triggers_reach_earlier_stages() {
    let stages = |base: &str| reach_of(&format!("FROM scratch AS above\nFROM {base}"), None).unwrap().stages;
    assert_eq!(stages("triggers"), ["above", "1"]);
    assert_eq!(stages("unread"), ["above", "1"]);
    assert_eq!(stages("base"), ["1"]);
    // Until the base is resolved, only the names of bases are needed.
    assert_eq!(stages("unseen"), ["1"]);
}

#[test]
fn stage_triggers_run_in_later_stages() {
    let text =
        "FROM scratch AS a\nONBUILD COPY fired /x\nFROM a AS b\nFROM b AS c\nCOPY own /x\nFROM scratch\nCOPY z /z";
    assert_eq!(show(&reach_of(text, Some("a")).unwrap().context), "");
    assert_eq!(show(&reach_of(text, Some("b")).unwrap().context), "fired");
    assert_eq!(show(&reach_of(text, Some("c")).unwrap().context), "fired own");
}

const STAGES: &str = "\
# syntax=docker/dockerfile:1
ARG BASE=base
ARG TAG
FROM ${BASE} AS python
COPY common /c
FROM --platform=$BUILDPLATFORM python AS wheels
COPY requirements.txt /
RUN --mount=type=cache,from=tools,target=/cache pip wheel
FROM other:${TAG:-1} AS tools
COPY tool /t
FROM python AS static
COPY static /static
FROM python AS runtime
COPY --from=wheels /wheels /wheels
COPY --from=ghcr.example/uv:1 /uv /bin/
COPY --from=app --chown=1 static/ /s/
COPY views.py /app/
RUN --mount=from=assets,target=/a true
";

#[test]
fn ignores_stages_outside_target() {
    let of = |target| {
        let reach = reach_of(STAGES, target).unwrap();
        let bases: Vec<_> = reach.bases.keys().cloned().collect();
        let named: Vec<_> = reach.named.iter().map(|(name, reach)| format!("{name}:{}", show(reach))).collect();
        (reach.stages.join(" "), bases.join(" "), named.join(" "))
    };
    let owned = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(of(Some("static")), owned("python static", "base", ""));
    // `tools` is defined below `wheels`, so the name refers to an image.
    assert_eq!(
        of(None),
        owned("python wheels runtime", "base ghcr.example/uv:1 tools", "app:static assets:everything")
    );
    assert_eq!(of(Some("2")), owned("tools", "other:1", ""));
    let reach = reach_of(STAGES, Some("static")).unwrap();
    assert_eq!(show(&reach.context), "common static");
    assert_eq!(reach.bases["base"].line, 4);
}

#[test]
fn named_context_replaces_image_or_stage() {
    let reach = reach_of("FROM scratch AS app\nCOPY a /\nFROM scratch\nCOPY --from=app x y /z/", None).unwrap();
    assert_eq!(show(&reach.named["app"]), "x y");
    assert_eq!(show(&reach.context), "");
    let reach = reach_of("FROM assets:latest\nCOPY a /", None).unwrap();
    assert_eq!(show(&reach.named["assets"]), "everything");
    assert!(reach.bases.is_empty());
}

#[test]
fn rejects_unbuildable_with_file_and_line() {
    for (text, target, expected) in [
        (
            STAGES,
            Some("statik"),
            "Dockerfile: no stage is named `statik`: there are `python`, `wheels`, `tools`, `static`, `runtime`",
        ),
        ("ARG B\nFROM $B", None, "Dockerfile:2: the base image `$B` has no name that is the same everywhere"),
        (
            "FROM x-$BUILDARCH",
            None,
            "Dockerfile:1: the base image `x-$BUILDARCH` has no name that is the same everywhere",
        ),
        ("FROM a\nCOPY --from=$X a b", None, "Dockerfile:2: `from=$X`: BuildKit fills in no variables here"),
        (
            "FROM a\nRUN --mount=from=$X,target=/x y",
            None,
            "Dockerfile:2: `from=$X`: BuildKit fills in no variables here",
        ),
        ("FROM a\nCOPY only", None, "Dockerfile:2: `COPY` takes at least a source and a destination"),
    ] {
        let failure = reach_of(text, target).unwrap_err();
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.exit(), Exit::Usage);
    }
}

#[test]
fn garbage_does_not_panic() {
    let pieces = [
        "FROM ",
        "a",
        "\n",
        "COPY ",
        "--from=",
        "$",
        "${",
        "}",
        "\"",
        "'",
        "\\",
        "<<",
        "-",
        "[",
        "#",
        "RUN --mount=",
        ",",
        "=",
        "é",
    ];
    let mut state = 1_u64;
    for _ in 0..4000 {
        let mut text = String::from("FROM base\n");
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[usize::try_from(state >> 33).unwrap() % pieces.len()]);
        }
        // Any result is fine except a panic.
        let _ = reach_of(&text, None);
    }
}
