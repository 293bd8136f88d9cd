"""Tokens and passwords: {"user_id", "exp"}, HS256, 30 days, and the words for 401 that the clients know."""
import hashlib
import os
from datetime import datetime, timedelta, timezone

import jwt
from fastapi import Header, HTTPException

from database import fetch_one

SECRET = os.environ["JWT_SECRET"]


def hash_password(password: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"e2e", 1000).hex()


def password_matches(password: str, hashed: str) -> bool:
    return hash_password(password) == hashed


def make_token(user_id: int) -> str:
    expires = datetime.now(timezone.utc) + timedelta(days=30)
    return jwt.encode({"user_id": user_id, "exp": expires}, SECRET, algorithm="HS256")


async def user_of_token(token: str):
    """The user, or None for a token that is not valid or whose user is gone."""
    try:
        payload = jwt.decode(token, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None
    return await fetch_one("SELECT * FROM users WHERE id = $1", payload.get("user_id"))


async def current_user(authorization: str = Header("")):
    if not authorization.startswith("Bearer "):
        raise HTTPException(401, "Not authenticated")
    user = await user_of_token(authorization.removeprefix("Bearer "))
    if user is None:
        raise HTTPException(401, "Invalid token")
    return user
