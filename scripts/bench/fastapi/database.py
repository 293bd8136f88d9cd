"""One pool of connections, as large as the sidecar's. asyncpg keeps each statement prepared."""
import os

import asyncpg

pool = None


async def open_database():
    global pool
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=10)


async def close_database():
    await pool.close()


async def fetch_one(sql: str, *values):
    return await pool.fetchrow(sql, *values)


async def fetch_all(sql: str, *values):
    return await pool.fetch(sql, *values)
