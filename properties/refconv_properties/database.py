"""Where failures are kept from run to run: a folder, a Redis server that many machines share, or nowhere."""

from __future__ import annotations

from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

NOWHERE = "none"


class NoDatabase(ValueError):
    """There is no such database; the message says why."""


def opened(where: str) -> ExampleDatabase | None:
    """The database that ``where`` names: a folder, which is made when first needed, ``redis://HOST[:PORT]``, or none.

    Raises `NoDatabase`.
    """
    if where == NOWHERE:
        return None
    if where.startswith(("redis://", "rediss://")):
        return _redis(where)
    if "://" in where:
        raise NoDatabase(f"database {where!r} must be a folder, redis://HOST[:PORT], or {NOWHERE}")
    if Path(where).exists() and not Path(where).is_dir():
        raise NoDatabase(f"database {where!r} is a file, but must be a folder")
    return DirectoryBasedExampleDatabase(where)


def _redis(url: str) -> ExampleDatabase:
    try:
        import redis
        from hypothesis.extra.redis import RedisExampleDatabase
    except ImportError:
        raise NoDatabase(f"database {url} needs the redis package: pip install redis") from None
    server = redis.Redis.from_url(url, socket_connect_timeout=5)
    try:
        server.ping()
    except redis.RedisError as error:
        raise NoDatabase(f"database {url} does not answer: {error}") from None
    database: ExampleDatabase = RedisExampleDatabase(server)
    return database
