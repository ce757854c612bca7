from django.apps import AppConfig


class ReleasePhaseConfig(AppConfig):
    name = "release_phase"
