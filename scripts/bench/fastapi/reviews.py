"""Reviews as the former module had them: a page, and count and average of the product's rows, on each request; a plain INSERT."""
from datetime import datetime, timezone

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, conint, constr

from accounts import current_user
from database import fetch_all, fetch_one

MAX_ID = 2**63 - 1
PAGE = """
SELECT id, product_id, author_id, author_name, rating, text, created_at FROM product_reviews
 WHERE product_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"""
SUMMARY = "SELECT count(*) AS count, avg(rating) AS average FROM product_reviews WHERE product_id = $1"
# Without triggers, and with the former module's one index.
ADD = """
INSERT INTO plain_reviews (product_id, author_id, author_name, rating, text, created_at)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING id"""

router = APIRouter()


class Written(BaseModel):
    rating: conint(ge=1, le=5)
    text: constr(max_length=1000) = None


@router.get("/api/products/{product_id}/reviews")
async def page(product_id: str, limit: int = Query(50, ge=1, le=200), cursor: int = MAX_ID):
    rows = await fetch_all(PAGE, product_id, cursor, limit + 1)
    summary = await fetch_one(SUMMARY, product_id)
    items = [{**row, "created_at": row["created_at"].isoformat()} for row in rows[:limit]]
    return {
        "items": items,
        "next_cursor": str(items[-1]["id"]) if len(rows) > limit else None,
        "summary": {"count": summary["count"], "avg_rating": round(float(summary["average"] or 0), 2)},
    }


@router.post("/api/products/{product_id}/reviews")
async def write(product_id: str, written: Written, user=Depends(current_user)):
    now = datetime.now(timezone.utc)
    values = (product_id, str(user["id"]), user["name"], written.rating, written.text, now)
    added = await fetch_one(ADD, *values)
    return {"review": {"id": added["id"], "product_id": product_id, "author_id": str(user["id"]), **written.dict()}}
