"""A FastAPI backend as docs/contract.md describes it (2 and 4): what the sidecar stands in front of in the e2e tests.

Run by uvicorn with DATABASE_URL (in SQLAlchemy's spelling) and JWT_SECRET set; with FEATURE_API=1 it has its earlier module for
reviews and uploads.
"""
from __future__ import annotations

import asyncio
import hashlib
import os

from fastapi import Depends, FastAPI, File, HTTPException, Request, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, conint

from accounts import current_user, make_token, password_matches, user_of_token
from database import close_database, fetch, fetch_one, open_database

app = FastAPI(title="GoGoMarket")
app.add_middleware(
    CORSMiddleware, allow_origins=["*"], allow_credentials=True, allow_methods=["*"], allow_headers=["*"]
)
# FastAPI 0.92 ignores lifespan=.
app.on_event("startup")(open_database)
app.on_event("shutdown")(close_database)
if os.environ.get("FEATURE_API") == "1":
    import feature_api

    app.include_router(feature_api.router)


class Login(BaseModel):
    email: str
    password: str


class Comment(BaseModel):
    text: str


class OlderReview(BaseModel):
    product_id: int
    rating: conint(ge=1, le=5)
    comment: str | None = None


@app.get("/healthz")
async def health():
    return {"status": "ok"}


@app.post("/api/auth/login")
async def log_in(login: Login):
    user = await fetch_one("SELECT * FROM users WHERE email = $1", login.email)
    if user is None or not password_matches(login.password, user["hashed_password"]):
        raise HTTPException(401, "Incorrect email or password")
    return {"access_token": make_token(user["id"]), "token_type": "bearer", "user": visible(user)}


@app.get("/api/auth/me")
async def me(user=Depends(current_user)):
    return visible(user)


def visible(user):
    return {name: user[name] for name in ("id", "email", "name", "role", "avatar_url")}


@app.get("/api/orders")
async def orders(user=Depends(current_user)):
    return await fetch("SELECT * FROM orders WHERE buyer_id = $1 ORDER BY id DESC", user["id"])


@app.get("/api/products")
async def products():
    return await fetch("SELECT id, name, price::float8 AS price, image_url FROM products ORDER BY id")


async def existing_product(product_id: int):
    product = await fetch_one(
        "SELECT id, name, price::float8 AS price, image_url FROM products WHERE id = $1", product_id
    )
    if product is None:
        raise HTTPException(404, "Product not found")
    return product


@app.get("/api/products/{product_id}")
async def one_product(product=Depends(existing_product)):
    return product


@app.post("/api/products/{product_id}/like")
async def like(product=Depends(existing_product), user=Depends(current_user)):
    await fetch("INSERT INTO likes VALUES ($1, $2) ON CONFLICT DO NOTHING", product["id"], user["id"])
    return {"liked": True}


@app.get("/api/products/{product_id}/likes")
async def likes(product=Depends(existing_product)):
    return await fetch_one("SELECT count(*) AS count FROM likes WHERE product_id = $1", product["id"])


@app.get("/api/products/{product_id}/comments")
async def comments(product=Depends(existing_product)):
    return await fetch("SELECT user_id, text FROM comments WHERE product_id = $1", product["id"])


@app.post("/api/products/{product_id}/comments", status_code=201)
async def add_comment(comment: Comment, product=Depends(existing_product), user=Depends(current_user)):
    await fetch("INSERT INTO comments VALUES ($1, $2, $3)", product["id"], user["id"], comment.text)
    return {"user_id": user["id"], "text": comment.text}


@app.get("/api/reviews")
async def older_reviews():
    return await fetch("SELECT id, product_id, user_id, rating, comment FROM reviews ORDER BY id")


@app.post("/api/reviews", status_code=201)
async def add_older_review(review: OlderReview, user=Depends(current_user)):
    return await fetch_one(
        "INSERT INTO reviews (product_id, user_id, rating, comment) VALUES ($1, $2, $3, $4) RETURNING *",
        review.product_id, user["id"], review.rating, review.comment,
    )


@app.get("/api/reviews/{review_id}")
async def one_older_review(review_id: int):
    review = await fetch_one("SELECT * FROM reviews WHERE id = $1", review_id)
    if review is None:
        raise HTTPException(404, "Review not found")
    return review


@app.delete("/api/reviews/{review_id}", status_code=204)
async def delete_older_review(review_id: int, user=Depends(current_user)):
    await fetch("DELETE FROM reviews WHERE id = $1 AND user_id = $2", review_id, user["id"])


@app.post("/api/upload/{kind}")
async def upload(kind: str, file: UploadFile = File(...), user=Depends(current_user)):
    if kind not in ("image", "video", "document"):
        raise HTTPException(404, "Not Found")
    digest, size = hashlib.sha256(), 0
    while chunk := await file.read(1024 * 1024):
        digest.update(chunk)
        size += len(chunk)
    return {"filename": file.filename, "content_type": file.content_type, "size": size, "sha256": digest.hexdigest()}


@app.get("/api/events")
async def events():
    async def stream():
        for number in range(3):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.05)

    return StreamingResponse(stream(), media_type="text/event-stream")


@app.get("/api/framed-twice")
async def framed_twice():
    """An application that sets Transfer-Encoding itself: uvicorn sends it beside Starlette's Content-Length."""
    return Response("hello", headers={"Transfer-Encoding": "chunked"})


@app.get("/api/client")
async def client(request: Request):
    """What the backend takes the client for."""
    return {"address": request.client.host, "scheme": request.url.scheme, "headers": dict(request.headers)}


@app.websocket("/ws/chat/{user_id}")
async def chat(socket: WebSocket, user_id: int, token: str | None = None):
    bearer = socket.headers.get("authorization", "").removeprefix("Bearer ")
    user = await user_of_token(token or bearer)
    if user is None:
        # Before accept(): uvicorn answers the handshake with 403.
        await socket.close(1008)
        return
    await socket.accept()
    try:
        while True:
            message = await socket.receive_json()
            await socket.send_json({"to": user_id, "from": user["id"], "text": message["text"]})
    except WebSocketDisconnect:
        pass
