"""POST /api/uploads with a URL signed by botocore. No row, no rate limit, no quota: less than the sidecar does."""
import os
from uuid import uuid4

import botocore.session
from botocore.config import Config
from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, conint, constr

from accounts import current_user

BUCKET = os.environ["S3_BUCKET"]
PUBLIC_BASE_URL = os.environ["S3_PUBLIC_BASE_URL"]
ACL = os.environ["S3_UPLOAD_ACL"]
TTL_SECONDS = 900
VIDEO = {"video/mp4": "mp4", "video/webm": "webm", "video/quicktime": "mov"}
IMAGE = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
MIB = 1024 * 1024
KINDS = {
    "reel_video": (VIDEO, 50 * MIB),
    "story_video": (VIDEO, 50 * MIB),
    "story_image": (IMAGE, 10 * MIB),
    "product_image": (IMAGE, 10 * MIB),
}

router = APIRouter()
s3 = botocore.session.get_session().create_client(
    "s3",
    endpoint_url=os.environ["S3_ENDPOINT"],
    region_name=os.environ["S3_REGION"],
    aws_access_key_id=os.environ["S3_ACCESS_KEY_ID"],
    aws_secret_access_key=os.environ["S3_SECRET_ACCESS_KEY"],
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
)


class Announced(BaseModel):
    kind: str
    filename: constr(min_length=1, max_length=255)
    content_type: constr(min_length=3, max_length=255)
    size_bytes: conint(ge=1)


@router.post("/api/uploads")
async def issue(file: Announced, user=Depends(current_user)):
    if file.kind not in KINDS:
        raise HTTPException(422, "kind: unknown")
    extensions, max_bytes = KINDS[file.kind]
    extension = extensions.get(file.content_type.lower())
    if extension is None:
        raise HTTPException(415, "This kind of file is not accepted.")
    if file.size_bytes > max_bytes:
        raise HTTPException(413, "The file is too large.")
    key = f"uploads/{user['id']}/{file.kind}/{uuid4()}.{extension}"
    target = {
        "Bucket": BUCKET,
        "Key": key,
        "ContentType": file.content_type,
        "ContentLength": file.size_bytes,
        "ACL": ACL,
    }
    return {
        "upload_url": s3.generate_presigned_url("put_object", Params=target, ExpiresIn=TTL_SECONDS),
        "file_url": f"{PUBLIC_BASE_URL}/{key}",
        "headers": {"Content-Type": file.content_type, "x-amz-acl": ACL},
        "expires_in": TTL_SECONDS,
    }
