"""Writes a LightOnOCR so small that a CPU runs it at once, whose answers are known beforehand: those of answers.json.

    python model.py DIRECTORY          for vLLM, built as LightOnOCR-2
    python model.py DIRECTORY qwen3.5  for vLLM, built as LightOnOCR-3, whose large ones are Qwen3.5
    python model.py DIRECTORY gguf     for llama-server: text.gguf and mmproj.gguf

The architecture, the processor and the tokenizer are of the classes that serve the real model; only the weights are made by hand, and no
more of them than is needed. It works like this:

  - The image encoder passes the colour of each patch on. Attention of the decoder's last layer looks at every position alike, so what it adds
    to the last position is the mean colour of the page.
  - Each token has a code, a random vector that nothing else resembles. The last layer says for each token which code it follows: so each
    token of an answer calls the next one, and the end follows the last.
  - An answer's first token follows the line break that ends the template, and the colour of its page decides between them. A page may hold
    some ink: its mean colour has the direction of the page's colour all the same.

The template has a block for thoughts as LightOnOCR-3's: with enable_thinking false it closes the block at once, and otherwise the model
may begin with one, which it does for the page with "thinking".

Every answer is read back as the tokens that it was written with, so that one which was cut can be continued. The script checks
that, and that each token calls its successor with a margin that no temperature overcomes.
"""

import json
import pathlib
import sys

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CONTEXT, QWEN_CONTEXT = 16384, 18000
WIDTH = 512  # of the decoder
HEAD = 64
LINEAR_HEAD = 128  # of a layer of linear attention
PATCH_WIDTH = 64  # of the image encoder
ENCODER_LAYERS = 3  # converters to other formats take the names of the last ones from this count
IMAGE_MEAN, IMAGE_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
INNER = 64  # of the feed-forward layers, which add nothing
POSITIONS = 48**2  # of patches that the encoder of Qwen3.5 knows, spread over the page
COLOUR = 6  # leading places of the hidden state: red, green and blue above the mean, then below it
CODE_SIZE = 0.45  # of a code's places in an embedding
FIRST, COLOUR_WEIGHT, NEXT = 1.0, 10.0, 3.0  # how strongly the template, the colour and the token before call a token

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>"]
VIDEO = "<|video_pad|>"  # Qwen3.5's processor asks for it; it comes last, so that the others are those of the answers that were kept
PAD, END, IMAGE_BREAK, IMAGE_END, IMAGE = "<|endoftext|>", "<|im_end|>", "<|vision_pad|>", "<|vision_end|>", "<|image_pad|>"
THINK, THOUGHT = "<think>", "</think>"  # ordinary tokens, as Qwen has them: they are part of the text

ROLES = ["system", "user", "assistant"]
TEMPLATE = r"""{{- '<|im_start|>system<|im_end|>' -}}
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\n' -}}
{%- if message.content is string -%}{{- message.content -}}
{%- else -%}{%- for part in message.content -%}
{%- if part.type == 'text' -%}{{- part.text -}}{%- else -%}{{- '<|image_pad|>' -}}{%- endif -%}
{%- endfor -%}{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\n' -}}
{%- if enable_thinking is defined and not enable_thinking -%}{{- '<think></think>' -}}{%- endif -%}
{%- endif -%}
"""


def words(answer):
    """The words of an answer that are counted rather than written out."""
    for i in range(answer.get("numbered", 0)):
        yield f"{answer['prefix']}{i:04d}"
    for i in range(answer.get("scattered", 0)):  # in no order that could be taken for a loop
        yield f"{answer['prefix']}{i * 2654435761 % 2**32:08x}"


def read_answers():
    answers = json.loads((pathlib.Path(__file__).parent / "answers.json").read_text())
    for answer in answers:
        answer["tokens"] += words(answer)
        answer["colour"] = np.array(answer["colour"], np.float32)
    return answers


def bytes_as_characters():
    """The characters by which byte-level tokenizers write bytes: those that can be seen are themselves."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in seen]
    return {b: chr(b) for b in seen} | {b: chr(256 + i) for i, b in enumerate(hidden)}


def make_tokenizer(answers):
    characters = bytes_as_characters()
    vocabulary = {character: i for i, character in enumerate(sorted(characters.values()))}
    space = characters[ord(" ")]
    vocabulary[space * 2] = len(vocabulary)  # one merge, because llama.cpp takes no tokenizer without any
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[(space, space)]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    plain = [*ROLES, THINK, THOUGHT]
    for answer in answers:
        plain += answer.get("thinking", []) + answer["tokens"] + answer.get("loop", [])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in dict.fromkeys(plain)])
    for answer in answers:
        text = "".join(answer["tokens"])
        assert tokenizer.encode(text).tokens == answer["tokens"], f"{answer['page']} is read back as other tokens"
        assert tokenizer.decode(tokenizer.encode(text).ids) == text, f"{answer['page']} is written as another text"
    return tokenizer


def edges(answers, newline):
    """Which token calls which, as (before, after, colour): the colour is None where it does not matter."""
    for answer in answers:
        tokens = answer["tokens"]
        first = (tokens + [END])[0]
        if thinking := answer.get("thinking"):
            yield newline, THINK, answer["colour"]
            for pair in zip([THINK, *thinking], [*thinking, THOUGHT]):
                yield *pair, None
        else:
            yield newline, first, answer["colour"]
        yield THOUGHT, first, answer["colour"]
        loop = answer.get("loop", [])
        path = [*tokens, *loop, *(loop[:1] or [END])]
        for pair in zip(path, path[1:]):
            yield *pair, None


def make_calls(answers, tokenizer, size):
    """The embeddings and the last layer: see above."""
    identify = tokenizer.token_to_id
    newline = bytes_as_characters()[ord("\n")]
    code = np.random.default_rng(1).choice([-1.0, 1.0], size=(size, WIDTH)).astype(np.float32)
    # Those that call several tokens, and those that call the end, which many do, have a place of their own instead: no
    # noise adds up.
    alone = [newline, THOUGHT, *(answer["tokens"][-1] for answer in answers if answer["tokens"])]
    code[:, : COLOUR + len(alone)] = 0
    for place, token in enumerate(alone, COLOUR):
        code[identify(token)] = 0
        code[identify(token), place] = np.sqrt(WIDTH)
    head = np.zeros((size, WIDTH), np.float32)
    known, coloured = set(), set()
    for before, after, colour in edges(answers, newline):
        if colour is None:
            assert before not in known, f"{before!r} has two successors"
            known.add(before)
            head[identify(after)] += NEXT * code[identify(before)]
            continue
        head[identify(after)] += FIRST * code[identify(before)]
        if after not in coloured:
            coloured.add(after)
            direction = colour / np.linalg.norm(colour)
            head[identify(after), :COLOUR] += COLOUR_WEIGHT * np.concatenate([np.maximum(direction, 0), np.maximum(-direction, 0)])
    embeddings = CODE_SIZE * code
    check_margins(answers, identify, newline, embeddings, head)
    return embeddings, head


def check_margins(answers, identify, newline, embeddings, head):
    def scores(token, colour, share):
        state = embeddings[identify(token)].copy()
        direction = colour / np.linalg.norm(colour)
        sides = np.concatenate([np.maximum(direction, 0), np.maximum(-direction, 0)])
        state[:COLOUR] += share * np.sqrt(WIDTH) * sides
        return head @ (state * np.sqrt(WIDTH) / np.linalg.norm(state))

    def check(before, after, colour, share):
        logits = scores(before, colour, share)
        margin = logits[identify(after)] - np.delete(logits, identify(after)).max()
        assert margin > 3, f"{before!r} calls {after!r} with a margin of {margin:.1f} only"

    for before, after, colour in edges(answers, newline):
        if colour is not None:
            check(before, after, colour, share=0.98)  # a page of the usual size
            check(before, after, colour, share=0.05)  # one of a single patch
    for answer in answers:
        pairs = list(zip(answer["tokens"], [*answer["tokens"][1:], *(answer.get("loop", [])[:1] or [END])]))
        for pair in pairs[:20] + pairs[20:-1:50] + pairs[-1:]:  # all would take a minute
            check(*pair, answer["colour"], share=0.98)


def zeros(*shape):
    return np.zeros(shape, np.float32)


def ones(*shape):
    return np.ones(shape, np.float32)


def encoder_weights():
    """Each patch becomes its mean colour; the layers add nothing."""
    mean = zeros(PATCH_WIDTH, 3, 14, 14)
    for channel in range(3):
        mean[channel, channel] = 1 / 14**2
    weights = {"patch_conv.weight": mean, "ln_pre.weight": ones(PATCH_WIDTH)}
    for layer in range(ENCODER_LAYERS):
        prefix = f"transformer.layers.{layer}."
        weights |= {prefix + norm + ".weight": ones(PATCH_WIDTH) for norm in ("attention_norm", "ffn_norm")}
        weights |= {f"{prefix}attention.{side}_proj.weight": zeros(PATCH_WIDTH, PATCH_WIDTH) for side in "qkvo"}
        weights |= {f"{prefix}feed_forward.{part}_proj.weight": zeros(INNER, PATCH_WIDTH) for part in ("gate", "up")}
        weights[prefix + "feed_forward.down_proj.weight"] = zeros(PATCH_WIDTH, INNER)
    return {"model.vision_encoder." + name: value for name, value in weights.items()}


def projector_weights():
    """Four patches become their mean, and each channel two places: what is above the mean of all images, and what is below."""
    merge, split, keep = zeros(PATCH_WIDTH, 4 * PATCH_WIDTH), zeros(WIDTH, PATCH_WIDTH), zeros(WIDTH, WIDTH)
    for place in range(PATCH_WIDTH):
        merge[place, 4 * place : 4 * place + 4] = 1 / 4
    for channel in range(3):
        split[channel, channel], split[channel + 3, channel] = 1, -1
    for place in range(COLOUR):
        keep[place, place] = 1
    weights = {"norm.weight": ones(PATCH_WIDTH), "patch_merger.merging_layer.weight": merge, "linear_1.weight": split, "linear_2.weight": keep}
    return {"model.vision_projection." + name: value for name, value in weights.items()}


def decoder_weights(embeddings, head):
    """One layer whose attention, with nothing in queries and keys, is the mean over all positions, and takes the colour only."""
    colour = zeros(WIDTH, WIDTH)
    colour[range(COLOUR), range(COLOUR)] = 1
    layer = {
        "input_layernorm.weight": ones(WIDTH),
        "post_attention_layernorm.weight": ones(WIDTH),
        "self_attn.q_proj.weight": zeros(WIDTH, WIDTH),
        "self_attn.k_proj.weight": zeros(WIDTH, WIDTH),
        "self_attn.v_proj.weight": colour,
        "self_attn.o_proj.weight": np.eye(WIDTH, dtype=np.float32),
        "self_attn.q_norm.weight": ones(HEAD),
        "self_attn.k_norm.weight": ones(HEAD),
        "mlp.gate_proj.weight": zeros(INNER, WIDTH),
        "mlp.up_proj.weight": zeros(INNER, WIDTH),
        "mlp.down_proj.weight": zeros(WIDTH, INNER),
    }
    weights = {"model.language_model.layers.0." + name: value for name, value in layer.items()}
    weights["model.language_model.embed_tokens.weight"] = embeddings
    weights["model.language_model.norm.weight"] = ones(WIDTH)
    weights["lm_head.weight"] = head
    return weights


def qwen_weights(embeddings, head):
    """The same in the parts of Qwen3.5: patches of two frames, norms that take the mean away or add one to their weight, a merger in one piece,
    a gate that lets half of the attention through, and before it a layer of linear attention, which adds nothing."""
    mean = zeros(PATCH_WIDTH, 3, 2, 16, 16)
    split, keep = zeros(4 * PATCH_WIDTH, 4 * PATCH_WIDTH), zeros(WIDTH, 4 * PATCH_WIDTH)
    for channel in range(3):
        mean[channel, channel] = 1 / (2 * 16**2)
        split[channel, channel::PATCH_WIDTH], split[channel + 3, channel::PATCH_WIDTH] = 1 / 4, -1 / 4
    keep[range(COLOUR), range(COLOUR)] = 1
    encoder = {"pos_embed.weight": zeros(POSITIONS, PATCH_WIDTH)}
    for name, value in {
        "patch_embed.proj": mean,
        "blocks.0.norm1": ones(PATCH_WIDTH),
        "blocks.0.norm2": ones(PATCH_WIDTH),
        "blocks.0.attn.qkv": zeros(3 * PATCH_WIDTH, PATCH_WIDTH),
        "blocks.0.attn.proj": zeros(PATCH_WIDTH, PATCH_WIDTH),
        "blocks.0.mlp.linear_fc1": zeros(INNER, PATCH_WIDTH),
        "blocks.0.mlp.linear_fc2": zeros(PATCH_WIDTH, INNER),
        "merger.norm": ones(PATCH_WIDTH),
        "merger.linear_fc1": split,
        "merger.linear_fc2": keep,
    }.items():
        encoder |= {name + ".weight": value, name + ".bias": zeros(len(value))}
    weights = {"model.visual." + name: value for name, value in encoder.items()}

    first = "model.language_model.layers.0."
    for name, value in decoder_weights(embeddings, head).items():
        if "norm" in name:
            value = value - 1
        elif "q_proj" in name:
            value = zeros(2 * WIDTH, WIDTH)
        elif "v_proj" in name:
            value = 2 * value
        weights[name.replace(".layers.0.", ".layers.1.")] = value
        if name.startswith(first) and "self_attn" not in name:
            weights[name] = value
    linear = {
        "in_proj_qkv.weight": zeros(3 * LINEAR_HEAD, WIDTH),
        "in_proj_z.weight": zeros(LINEAR_HEAD, WIDTH),
        "in_proj_b.weight": zeros(1, WIDTH),
        "in_proj_a.weight": zeros(1, WIDTH),
        "conv1d.weight": zeros(3 * LINEAR_HEAD, 1, 4),
        "dt_bias": ones(1),
        "A_log": zeros(1),
        "norm.weight": ones(LINEAR_HEAD),
        "out_proj.weight": zeros(WIDTH, LINEAR_HEAD),
    }
    return weights | {first + "linear_attn." + name: value for name, value in linear.items()}


def write_qwen_settings(directory, tokenizer, size):
    """The files beside the weights, as LightOnOCR-3-0.8B has them but for the sizes."""

    def write(name, settings):
        (directory / name).write_text(json.dumps(settings, indent=1))

    end, pad = (tokenizer.token_to_id(token) for token in (END, PAD))
    write(
        "config.json",
        {
            "architectures": ["Qwen3_5ForConditionalGeneration"],
            "model_type": "qwen3_5",
            "dtype": "float32",
            "image_token_id": tokenizer.token_to_id(IMAGE),
            "video_token_id": tokenizer.token_to_id(VIDEO),
            "vision_start_token_id": tokenizer.token_to_id("<|vision_start|>"),
            "vision_end_token_id": tokenizer.token_to_id("<|vision_end|>"),
            "eos_token_id": end,
            "pad_token_id": pad,
            "tie_word_embeddings": False,
            "vision_config": {
                "model_type": "qwen3_5_vision",
                "depth": 1,
                "hidden_size": PATCH_WIDTH,
                "intermediate_size": INNER,
                "num_heads": 1,
                "patch_size": 16,
                "spatial_merge_size": 2,
                "temporal_patch_size": 2,
                "out_hidden_size": WIDTH,
                "num_position_embeddings": POSITIONS,
                "deepstack_visual_indexes": [],
            },
            "text_config": {
                "model_type": "qwen3_5_text",
                "hidden_size": WIDTH,
                "head_dim": HEAD,
                "num_attention_heads": WIDTH // HEAD,
                "num_key_value_heads": WIDTH // HEAD,
                "num_hidden_layers": 2,
                "layer_types": ["linear_attention", "full_attention"],
                "linear_num_key_heads": 1,
                "linear_num_value_heads": 1,
                "linear_key_head_dim": LINEAR_HEAD,
                "linear_value_head_dim": LINEAR_HEAD,
                "linear_conv_kernel_dim": 4,
                "intermediate_size": INNER,
                "vocab_size": size,
                "max_position_embeddings": QWEN_CONTEXT,
                "eos_token_id": end,
                "tie_word_embeddings": False,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 10000000.0,
                    "partial_rotary_factor": 0.25,
                    "mrope_section": [4, 2, 2],
                    "mrope_interleaved": True,
                },
            },
        },
    )
    write("generation_config.json", {"eos_token_id": [end, pad], "pad_token_id": pad, "do_sample": True, "temperature": 0.1, "top_p": 1.0})
    write(
        "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": END,
            "pad_token": PAD,
            "model_max_length": QWEN_CONTEXT,
            "clean_up_tokenization_spaces": False,
        },
    )
    pixels = {"image_mean": IMAGE_MEAN, "image_std": IMAGE_STD, "patch_size": 16, "temporal_patch_size": 2, "merge_size": 2}
    write(
        "preprocessor_config.json",
        pixels | {"image_processor_type": "Qwen2VLImageProcessorFast", "processor_class": "Qwen3VLProcessor", "size": {"shortest_edge": 32**2, "longest_edge": 4096**2}},
    )
    write("video_preprocessor_config.json", pixels | {"video_processor_type": "Qwen3VLVideoProcessor", "size": {"shortest_edge": 4096, "longest_edge": 4096**2}})
    (directory / "chat_template.jinja").write_text(TEMPLATE.replace(IMAGE, "<|vision_start|>" + IMAGE + "<|vision_end|>"))


def write_settings(directory, tokenizer, size):
    """The files beside the weights, as LightOnOCR-2-1B has them but for the sizes."""

    def write(name, settings):
        (directory / name).write_text(json.dumps(settings, indent=1))

    end, pad, image = (tokenizer.token_to_id(token) for token in (END, PAD, IMAGE))
    write(
        "config.json",
        {
            "architectures": ["LightOnOCRForConditionalGeneration"],
            "model_type": "mistral3",
            "dtype": "float32",
            "image_token_id": image,
            "image_token_index": image,
            "eos_token_id": end,
            "pad_token_id": pad,
            "multimodal_projector_bias": False,
            "projector_hidden_act": "gelu",
            "spatial_merge_size": 2,
            "vision_feature_layer": -1,
            "tie_word_embeddings": False,
            "vision_config": {
                "model_type": "pixtral",
                "hidden_size": PATCH_WIDTH,
                "head_dim": PATCH_WIDTH,
                "num_attention_heads": 1,
                "num_hidden_layers": ENCODER_LAYERS,
                "intermediate_size": INNER,
                "image_size": 1540,
                "patch_size": 14,
                "num_channels": 3,
                "hidden_act": "silu",
                "rope_theta": 10000.0,
                "attention_dropout": 0.0,
            },
            "text_config": {
                "model_type": "qwen3",
                "hidden_size": WIDTH,
                "head_dim": HEAD,
                "num_attention_heads": WIDTH // HEAD,
                "num_key_value_heads": WIDTH // HEAD,
                "num_hidden_layers": 1,
                "intermediate_size": INNER,
                "vocab_size": size,
                "max_position_embeddings": CONTEXT,
                "rms_norm_eps": 1e-6,
                "rope_theta": 1000000.0,
                "hidden_act": "silu",
                "attention_bias": False,
                "tie_word_embeddings": False,
                "sliding_window": None,
                "max_window_layers": 1,
                "use_sliding_window": False,
                "layer_types": ["full_attention"],
            },
        },
    )
    write(
        "generation_config.json",
        {"eos_token_id": [end, pad], "pad_token_id": pad, "do_sample": True, "temperature": 0.2, "top_p": 0.9},
    )
    write(
        "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": END,
            "pad_token": PAD,
            "model_max_length": CONTEXT,
            "clean_up_tokenization_spaces": False,
            "extra_special_tokens": {"image_token": IMAGE, "image_break_token": IMAGE_BREAK, "image_end_token": IMAGE_END},
        },
    )
    image_processor = {
        "image_processor_type": "PixtralImageProcessor",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "do_convert_rgb": True,
        "resample": 3,
        "image_mean": IMAGE_MEAN,
        "image_std": IMAGE_STD,
        "patch_size": {"height": 14, "width": 14},
        "size": {"longest_edge": 1540},
        "rescale_factor": 1 / 255,
    }
    write("preprocessor_config.json", image_processor)
    write(
        "processor_config.json",
        {
            "processor_class": "PixtralProcessor",
            "image_token": IMAGE,
            "image_break_token": IMAGE_BREAK,
            "image_end_token": IMAGE_END,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "image_processor": image_processor,
        },
    )
    (directory / "chat_template.jinja").write_text(TEMPLATE)


def write_gguf(directory, tokenizer, size, encoder, projector, decoder):
    """The same model in llama.cpp's format, with the names that llama.cpp gives to its parts."""
    import gguf

    def tensors(writer, weights, names):
        for name, value in weights.items():
            for ours, theirs in names:
                name = name.replace(ours, theirs)
            writer.add_tensor(name, value)

    def close(writer):
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    text = gguf.GGUFWriter(directory / "text.gguf", "qwen3")
    text.add_type(gguf.GGUFType.MODEL)
    text.add_block_count(1)
    text.add_context_length(CONTEXT)
    text.add_embedding_length(WIDTH)
    text.add_feed_forward_length(INNER)
    text.add_head_count(WIDTH // HEAD)
    text.add_head_count_kv(WIDTH // HEAD)
    text.add_key_length(HEAD)
    text.add_value_length(HEAD)
    text.add_rope_freq_base(1000000.0)
    text.add_layer_norm_rms_eps(1e-6)
    vocabulary, added = tokenizer.get_vocab(), tokenizer.get_added_tokens_decoder()
    tokens = [f"[PAD{place}]" for place in range(size)]
    kinds = [gguf.TokenType.UNUSED] * size
    for token, place in vocabulary.items():
        tokens[place] = token
        kinds[place] = gguf.TokenType.NORMAL
        if place in added:
            kinds[place] = gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.USER_DEFINED
    text.add_tokenizer_model("gpt2")
    text.add_tokenizer_pre("qwen2")
    text.add_token_list(tokens)
    text.add_token_types(kinds)
    text.add_token_merges(["Ġ Ġ"])
    text.add_eos_token_id(vocabulary[END])
    text.add_pad_token_id(vocabulary[PAD])
    text.add_chat_template(TEMPLATE)
    tensors(text, decoder, [
        ("model.language_model.layers.", "blk."), ("model.language_model.embed_tokens", "token_embd"), ("model.language_model.norm", "output_norm"),
        ("lm_head", "output"), ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"), ("self_attn.o_proj", "attn_output"),
        ("self_attn.", "attn_"), ("mlp.", "ffn_"), ("_proj", ""),
    ])  # fmt: skip
    close(text)

    eyes = gguf.GGUFWriter(directory / "mmproj.gguf", "clip")
    eyes.add_type(gguf.GGUFType.MMPROJ)
    eyes.add_clip_has_vision_encoder(True)
    eyes.add_clip_projector_type("lightonocr")
    eyes.add_vision_projection_dim(WIDTH)
    eyes.add_vision_image_size(1540)
    eyes.add_vision_patch_size(14)
    eyes.add_vision_embedding_length(PATCH_WIDTH)
    eyes.add_vision_feed_forward_length(INNER)
    eyes.add_vision_block_count(ENCODER_LAYERS)
    eyes.add_vision_head_count(1)
    eyes.add_vision_image_mean(IMAGE_MEAN)
    eyes.add_vision_image_std(IMAGE_STD)
    eyes.add_vision_attention_layernorm_eps(1e-5)
    eyes.add_vision_use_silu(True)
    eyes.add_vision_spatial_merge_size(2)
    tensors(eyes, encoder | projector, [
        ("model.vision_encoder.transformer.layers.", "v.blk."), ("model.vision_encoder.patch_conv", "v.patch_embd"),
        ("model.vision_encoder.ln_pre", "v.pre_ln"), ("model.vision_projection.norm", "mm.input_norm"),
        ("model.vision_projection.patch_merger.merging_layer", "mm.patch_merger"), ("model.vision_projection.linear_", "mm."),
        ("attention_norm", "ln1"), ("ffn_norm", "ln2"), ("attention.o_proj", "attn_out"), ("attention.", "attn_"),
        ("feed_forward.", "ffn_"), ("_proj", ""),
    ])  # fmt: skip
    close(eyes)


def main(directory, form=""):
    answers = read_answers()
    tokenizer = make_tokenizer(answers)
    if form == "qwen3.5":
        tokenizer.add_special_tokens([AddedToken(VIDEO, special=True, normalized=False)])
    size = -(-tokenizer.get_vocab_size() // 64) * 64
    embeddings, head = make_calls(answers, tokenizer, size)
    directory.mkdir(parents=True, exist_ok=True)
    if form == "gguf":
        write_gguf(directory, tokenizer, size, encoder_weights(), projector_weights(), decoder_weights(embeddings, head))
        return
    tokenizer.save(str(directory / "tokenizer.json"))
    if form == "qwen3.5":
        write_qwen_settings(directory, tokenizer, size)
        weights = qwen_weights(embeddings, head)
    else:
        write_settings(directory, tokenizer, size)
        weights = encoder_weights() | projector_weights() | decoder_weights(embeddings, head)
    save_file(weights, str(directory / "model.safetensors"), metadata={"format": "pt"})


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
