"""Hosts, cookies, TLS and what is believed of the proxy in front. Not here: headers of single pages (their views)."""

from typing import Any

from config.environment import Environment

# The least that Django's own deployment check (security.W009) accepts.
SECRET_KEY_LENGTH = 50
SECRET_KEY_DISTINCT = 5


def read_security(environment: Environment, where: str) -> dict[str, Any]:
    """Returns the settings by name. `where` is the environment's name: only `local` is served without TLS."""
    behind_tls = where != "local"
    hosts = _hosts(environment, behind_tls)
    redirect = environment.boolean("SECURE_SSL_REDIRECT", behind_tls)
    # Django itself warns of losing a whole domain to a hasty HSTS: it begins at a minute and is raised by hand.
    subdomains = environment.boolean("SECURE_HSTS_INCLUDE_SUBDOMAINS", False)
    preload = environment.boolean("SECURE_HSTS_PRELOAD", False)
    return {
        "SECRET_KEY": _secret_key(environment, where),
        "ALLOWED_HOSTS": hosts,
        "CSRF_TRUSTED_ORIGINS": [
            f"https://*{host}" if host.startswith(".") else f"https://{host}" for host in hosts if host != "*"
        ],
        # Safe because the server listens on 127.0.0.1 only and the proxy's port is open to the load balancer alone:
        # no other client can send the header.
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SECURE_SSL_REDIRECT": redirect,
        "SECURE_HSTS_SECONDS": environment.integer(
            "SECURE_HSTS_SECONDS", 60 if redirect else 0, least=0, most=63_072_000
        ),
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": subdomains,
        "SECURE_HSTS_PRELOAD": preload,
        "SESSION_COOKIE_SECURE": redirect,
        "CSRF_COOKIE_SECURE": redirect,
        "SESSION_COOKIE_HTTPONLY": True,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "strict-origin-when-cross-origin",
        "X_FRAME_OPTIONS": "DENY",
        # Both warn that the widest HSTS is not on. It speaks for every other site of the domain, so it is the
        # operator's choice and not a default; the two variables above turn it on.
        "SILENCED_SYSTEM_CHECKS": ["security.W005"] * (not subdomains) + ["security.W021"] * (not preload),
    }


def _secret_key(environment: Environment, where: str) -> str:
    key = environment.text("SECRET_KEY")
    if key and where != "local" and (len(key) < SECRET_KEY_LENGTH or len(set(key)) < SECRET_KEY_DISTINCT):
        environment.problem(
            "SECRET_KEY",
            f"must have at least {SECRET_KEY_LENGTH} characters, {SECRET_KEY_DISTINCT} of them different",
        )
    return key


def _hosts(environment: Environment, behind_tls: bool) -> list[str]:
    hosts = environment.list("ALLOWED_HOSTS")
    if behind_tls and "*" in hosts:
        environment.problem("ALLOWED_HOSTS", "may be * in local only")
    if any("/" in host for host in hosts):
        environment.problem("ALLOWED_HOSTS", "must hold host names, without scheme or path")
    return hosts
