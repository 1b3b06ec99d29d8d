"""Reads a page with openai-python, like its README's example for images."""

import openai

import program

client = openai.OpenAI(base_url=program.URL + "/v1", api_key="peer")


def call():
    return client.chat.completions.create(**program.request()).choices[0].message.content


program.run(call)
