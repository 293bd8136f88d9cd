"""The earlier Python module: the sidecar's first routes as the clients know them (docs/contract.md, 3), a row for every post.

Part of the backend with FEATURE_API=1. To a client it is the sidecar, but for what came later: it knows no limits.
"""
from __future__ import annotations

from datetime import datetime, timezone

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, conint, constr

from accounts import current_user
from database import fetch, fetch_one

router = APIRouter()


class Review(BaseModel):
    rating: conint(ge=1, le=5)
    text: constr(max_length=1000) | None = None


async def summary_of(product_id: str):
    return await fetch_one(
        """SELECT coalesce(avg(rating), 0)::float8 AS avg_rating, count(*) AS count
             FROM product_reviews WHERE product_id = $1""",
        product_id,
    )


@router.get("/api/products/{product_id}/reviews")
async def reviews(product_id: str, limit: int = 50):
    items = await fetch(
        """SELECT id, product_id, author_id, author_name, NULL AS author_avatar_url, rating, text, created_at
             FROM product_reviews WHERE product_id = $1 ORDER BY id DESC LIMIT $2""",
        product_id, limit,
    )
    return {"items": items, "next_cursor": None, "summary": await summary_of(product_id)}


@router.post("/api/products/{product_id}/reviews")
async def add_review(product_id: str, review: Review, user=Depends(current_user)):
    added = await fetch_one(
        """INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, created_at)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING id, product_id, author_id, author_name, rating, text, created_at""",
        product_id, str(user["id"]), user["name"], review.rating, review.text, datetime.now(timezone.utc),
    )
    return {"review": {**added, "author_avatar_url": None}, "summary": await summary_of(product_id)}


@router.post("/api/uploads")
async def issue_upload(user=Depends(current_user)):
    raise HTTPException(501, "Uploads are not configured")


@router.get("/api/uploads/{upload_id}")
async def upload(upload_id: str, user=Depends(current_user)):
    raise HTTPException(404, "Not Found")
