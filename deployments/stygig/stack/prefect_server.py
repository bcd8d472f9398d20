"""Prefect's server on SQLite without locked databases: `python -m stygig.stack.prefect_server --port PORT`.

Prefect begins its transactions deferred. One that reads first and writes later fails at once where another has written
in between, however long SQLite's time-out is: "database is locked", and a 503 to whoever clicked. Begun IMMEDIATE they
wait for each other instead (sqlite.org/isolation.html; Prefect says so itself beside its pragmas).
"""

import argparse
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from stygig import GARBAGE_ALLOCATIONS

if TYPE_CHECKING:
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

KEEP_ALIVE_SECONDS = 5


def begin_immediately() -> None:
    """Have Prefect begin every transaction on SQLite IMMEDIATE; other databases are left alone."""
    from prefect.server.database.configurations import AioSqliteConfiguration

    begin = AioSqliteConfiguration.begin_transaction

    @asynccontextmanager
    async def begin_transaction(
        self: AioSqliteConfiguration, session: "AsyncSession", with_for_update: bool = False
    ) -> "AsyncGenerator[AsyncSessionTransaction, None]":
        async with begin(self, session, with_for_update=True) as transaction:
            yield transaction

    AioSqliteConfiguration.begin_transaction = begin_transaction  # type: ignore[method-assign]


def create_app(**options: Any) -> "FastAPI":
    """Prefect's application, with the change above."""
    begin_immediately()
    from prefect.server.api.server import create_app as prefects

    return prefects(**options)


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser(description="Prefect's server, for this machine alone.")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    gc.set_threshold(GARBAGE_ALLOCATIONS)
    app = create_app(final=True)  # final: with all services, as `prefect server start` makes it
    uvicorn.run(app, host="127.0.0.1", port=port, timeout_keep_alive=KEEP_ALIVE_SECONDS, log_level="warning")


if __name__ == "__main__":
    main()
