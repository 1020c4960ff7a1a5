"""Draws font.png, the letters of the labels in pictures, from DejaVu Sans: python3 font.py (needs Pillow and the font).

Characters 32 to 255 stand in rows of 32, each at the left of a cell; white is ink. font.json says how wide each of them is.
"""
import json
from PIL import Image, ImageDraw, ImageFont

SIZE, CELL, HEIGHT, COLUMNS = 13, 16, 16, 32
characters = [chr(code) for code in range(32, 256)]
font = ImageFont.truetype('/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf', SIZE)
sheet = Image.new('L', (COLUMNS * CELL, -(-len(characters) // COLUMNS) * HEIGHT))
draw = ImageDraw.Draw(sheet)
for i, character in enumerate(characters):
    draw.text((i % COLUMNS * CELL, i // COLUMNS * HEIGHT), character, fill=255, font=font)
sheet.save('font.png', optimize=True)
json.dump({'first': 32, 'cell': CELL, 'height': HEIGHT, 'columns': COLUMNS, 'widths': [round(font.getlength(c)) for c in characters]}, open('font.json', 'w'))
