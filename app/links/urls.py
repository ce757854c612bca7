from django.urls import path

from links import views

urlpatterns = [
    path("", views.landing, name="landing"),
    path("@<str:handle>", views.profile, name="profile"),
    path("l/<int:link_id>", views.follow, name="follow"),
]
