"""Who asks: the token, then the user's row, on every request, as the backend does it."""
import os

import jwt
from fastapi import Header, HTTPException

from database import fetch_one

SECRET = os.environ["JWT_SECRET"]
USER = "SELECT id, name, role, avatar_url, is_active, is_blocked FROM users WHERE id = $1"


async def current_user(authorization: str = Header("")):
    if not authorization.startswith("Bearer "):
        raise HTTPException(401, "Not authenticated")
    try:
        payload = jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Invalid token")
    user = await fetch_one(USER, payload.get("user_id"))
    if user is None:
        raise HTTPException(401, "User not found")
    if user["is_blocked"] or not user["is_active"]:
        raise HTTPException(403, "This account is not active.")
    return user
