"""Reads a page with openai-python, as its README shows it for an image."""

import openai

import program

client = openai.OpenAI(base_url=program.URL + "/v1", api_key="peer")


def call():
    return client.chat.completions.create(**program.request()).choices[0].message.content


program.run(call)
