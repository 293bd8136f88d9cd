"""The backend of the drills as an ASGI application, for uvicorn: the same acts as backend.ts."""
import asyncio
import json
import os
from urllib.parse import parse_qs

journal = os.open(os.environ["DRILL_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["type"] == "http":
        await respond(scope, receive, send)


async def echo(receive, send):
    while True:
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif event["type"] == "websocket.disconnect":
            return
        else:
            await send({"type": "websocket.send", "text": event["text"]})


async def respond(scope, receive, send):
    request_id = scope["path"].rsplit("/", 1)[1]
    os.write(journal, f"{scope['method']} {request_id}\n".encode())
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    received = await read_body(receive)
    act = query["act"]
    if act == "stall":
        await asyncio.sleep(3600)
    await asyncio.sleep(int(query["delay"]) / 1000)
    body = json.dumps({"id": request_id, "received": received, "padding": "x" * int(query["bytes"])}).encode()
    headers = [(b"content-type", b"application/json")]
    # Without a length uvicorn sends chunks.
    if act in ("answer", "cut-length"):
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if act == "answer":
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    # uvicorn closes the connection of a response that breaks off.
    raise ConnectionResetError("cut on purpose")


async def read_body(receive):
    received = 0
    while True:
        event = await receive()
        received += len(event.get("body", b""))
        if not event.get("more_body"):
            return received
