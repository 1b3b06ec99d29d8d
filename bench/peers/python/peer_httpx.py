"""Reads a page with httpx, like the examples of vLLM and the model, which use requests."""

import httpx

import program

client = httpx.Client(
    base_url=program.URL, headers={"Authorization": "Bearer peer"}, timeout=120,
    limits=httpx.Limits(max_keepalive_connections=program.AT_ONCE),
)


def call():
    answer = client.post("/v1/chat/completions", json=program.request())
    answer.raise_for_status()
    return answer.json()["choices"][0]["message"]["content"]


program.run(call)
