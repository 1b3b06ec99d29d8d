#!/usr/bin/env python3
"""Makes fonts.zip from Debian 12's packages fonts-liberation2, fonts-noto-core and fonts-droid-fallback. Needs fonttools 4.50 or later.

usage: make.py FONTS.ZIP
"""
import io
import sys
import zipfile

from fontTools import merge, subset
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem

LIBERATION = "/usr/share/fonts/truetype/liberation2/Liberation"
NOTO = "/usr/share/fonts/truetype/noto/NotoSans"
DROID = "/usr/share/fonts-droid-fallback/truetype/DroidSansFallback.ttf"

# What a font of one byte a character is ever encoded for: Latin, Greek, Cyrillic, Vietnamese, and signs.
SIMPLE = [(0x20, 0x24F), (0x2B0, 0x2FF), (0x370, 0x52F), (0x1E00, 0x1FFF), (0x2000, 0x209F), (0x20A0, 0x214F), (0x2190, 0x2199),
          (0x2200, 0x22FF), (0x25A0, 0x25FF), (0xFB00, 0xFB06)]
SIGNS = [(0x2000, 0x2BFF)]

# Where PDFium looks for the fonts of a system, on Linux.
FOLDER = "usr/share/fonts"

# The names under which PDFium looks for what stands in for the standard 14 fonts.
FACES = {"Sans": "Arial", "Serif": "Times New Roman", "Mono": "Courier New"}
STYLES = {"Regular": "Regular", "Bold": "Bold", "Italic": "Italic", "BoldItalic": "Bold Italic"}


def load(path, ranges, but=(), features=()):
    """The part of a font in these ranges, without hints, and without what is in `but`."""
    font = TTFont(path)
    wanted = {u for first, last in ranges for u in range(first, last + 1)} - set(but)
    options = subset.Options(hinting=False, layout_features=list(features), glyph_names=False, notdef_outline=True, recommended_glyphs=True,
                             legacy_cmap=False)
    options.drop_tables += ["kern", "GPOS", "GDEF", "FFTM", "gasp", "meta"]
    part = subset.Subsetter(options)
    part.populate(unicodes=wanted & set(font.getBestCmap()))
    part.subset(font)
    return font


def finish(font, family, style):
    """Names the font, has it serve its code pages, and empties the box that is drawn for what is missing: then nothing is drawn, and that is noticed."""
    font["name"].names = []
    for number, text in {1: family, 2: style, 4: family + " " + style, 6: (family + "-" + style).replace(" ", "")}.items():
        font["name"].setName(text, number, 3, 1, 0x409)
        font["name"].setName(text, number, 1, 0, 0)
    font["OS/2"].ulCodePageRange1 = 0x1FF | 0x1F << 17 if (family, style) == ("Arial", "Regular") else 0x1FF
    font["glyf"][".notdef"] = TTGlyphPen(None).glyph()
    font["post"].formatType = 3
    font["head"].created = font["head"].modified = 0
    font.recalcTimestamp = False
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def fallback():
    """The font in which PDFium looks for each character that another font lacks, and for those of East Asia."""
    everything = [(0x20, 0x2FFFF)]
    parts = [load(LIBERATION + "Sans-Regular.ttf", everything)]
    have = set(parts[0].getBestCmap())
    for path, ranges, features in [(DROID, everything, ["vert"])] + [(f"{NOTO}{script}-Regular.ttf", everything, []) for script in (
            "Arabic", "Thai", "Devanagari", "Armenian", "Georgian")] + [(f"{NOTO}{script}-Regular.ttf", SIGNS, []) for script in (
            "Symbols", "Math", "Symbols2")]:
        part = load(path, ranges, have, features)
        have |= set(part.getBestCmap())
        parts.append(part)
    files = []
    for part in parts:
        scale_upem(part, 1024)
        files.append(io.BytesIO())
        part.save(files[-1])
        files[-1].seek(0)
    options = merge.Options()
    options.drop_tables = ["vhea", "vmtx", "VORG"]
    return merge.Merger(options).merge(files)


def main():
    with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for face, family in FACES.items():
            for style, name in STYLES.items():
                font = fallback() if (face, style) == ("Sans", "Regular") else load(f"{LIBERATION}{face}-{style}.ttf", SIMPLE)
                info = zipfile.ZipInfo(f"{FOLDER}/{face.lower()}-{style.lower()}.ttf", (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, finish(font, family, name), compresslevel=9)


main()
