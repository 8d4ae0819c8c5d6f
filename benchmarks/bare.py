"""The floor under `benchmarks.hot_paths`: a Flask route that reads JSON and does nothing."""

from gevent import monkey

monkey.patch_all()

# ruff: noqa: E402
from flask import Flask, request

app = Flask("bare")


@app.get("/healthz")
def healthz():
    return {"ok": True}


@app.post("/")
def take():
    return {"accepted": bool(request.get_json())}, 202
