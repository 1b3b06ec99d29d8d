"""The common part of measured programs in Python. Arguments and output are those of package peer."""

import base64
import concurrent.futures
import json
import sys
import time

URL, FILE, AT_ONCE, CALLS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def request():
    """Reads the page again and returns the request for it."""
    with open(FILE, "rb") as f:
        image = f.read()
    kind = "image/png" if FILE.endswith(".png") else "image/jpeg"
    url = f"data:{kind};base64,{base64.b64encode(image).decode()}"
    return {
        "model": "lightonai/LightOnOCR-2-1B",
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}],
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 4096,
    }


def timed(call):
    begun = time.perf_counter()
    if not call():
        raise RuntimeError("an answer without text")
    return (time.perf_counter() - begun) * 1000


def run(call):
    """Makes the calls, as many at once as the pool has threads."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(timed, [call] * AT_ONCE))  # connections and pools
        print("warm", flush=True)
        sys.stdin.readline()
        print(json.dumps(list(pool.map(timed, [call] * CALLS))), flush=True)
        sys.stdin.readline()  # stay alive until this process's usage has been read
