"""The sidecar's own routes as the backend would have them: FastAPI on uvicorn, asyncpg. What the sidecar is measured beside.

Run with DATABASE_URL, JWT_SECRET and the S3_ settings. A router for each feature.
"""
from fastapi import FastAPI

import reviews
import uploads
from database import close_database, open_database

app = FastAPI(title="Peer")
# FastAPI 0.92 ignores lifespan=.
app.on_event("startup")(open_database)
app.on_event("shutdown")(close_database)
app.include_router(reviews.router)
app.include_router(uploads.router)
