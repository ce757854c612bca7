"""Django's PostgreSQL backend with a pool whose connections are proven to be alive, but not at each request."""
