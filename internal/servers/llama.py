"""Runs llama-server, as xllamacpp has it in a wheel, with the model that model.py wrote.

    python llama.py DIRECTORY PORT
"""

import os
import sys
import threading

import xllamacpp

os.chdir(sys.argv[1])
settings = xllamacpp.CommonParams()
settings.model.path, settings.mmproj.path = "text.gguf", "mmproj.gguf"
settings.n_ctx, settings.n_parallel = 4 * 16384, 4
settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1  # several wait for each other on a busy machine
# The template can think, as that of LightOnOCR-2 cannot: all that is written would be taken for thoughts.
settings.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
settings.hostnames, settings.port = ["127.0.0.1"], int(sys.argv[2])
server = xllamacpp.Server(settings)
print(server.listening_address, flush=True)
threading.Event().wait()
