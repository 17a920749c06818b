"""Names of trees, stones and places, so that everybody sees at once that they are invented."""

GIVEN = (
    "Alder", "Amber", "Aspen", "Aster", "Azure", "Barley", "Basil", "Beryl", "Birch", "Bracken", "Briar", "Bryony",
    "Cedar", "Clover", "Comfrey", "Coral", "Cricket", "Dahlia", "Drift", "Ember", "Fennel", "Fern", "Finch", "Flint",
    "Garnet", "Ginger", "Gorse", "Hazel", "Heather", "Indigo", "Jasper", "Juniper", "Kestrel", "Lark", "Laurel",
    "Linden", "Lupine", "Maple", "Marigold", "Meadow", "Merlin", "Mica", "Nettle", "Onyx", "Opal", "Osprey", "Pebble",
    "Pepper", "Plover", "Quartz", "Quill", "Reed", "Rowan", "Rush", "Saffron", "Sage", "Sorrel", "Sparrow", "Tansy",
    "Teasel", "Thistle", "Topaz", "Willow", "Yarrow",
)  # fmt: skip
FAMILY_START = (
    "Amble", "Bramble", "Candle", "Clatter", "Copper", "Cobble", "Dapple", "Feather", "Fiddle", "Gravel", "Hollow",
    "Kettle", "Ladder", "Lantern", "Mellow", "Mitten", "Nimble", "Paddle", "Pebble", "Puddle", "Quiver", "Ramble",
    "Saddle", "Shimmer", "Spindle", "Tangle", "Thimble", "Timber", "Tumble", "Velvet", "Whistle", "Winter",
)  # fmt: skip
FAMILY_END = (
    "bank", "beck", "born", "bridge", "brook", "burn", "combe", "croft", "dale", "den", "field", "ford", "gate",
    "grove", "ham", "hill", "holt", "hurst", "land", "ley", "marsh", "mead", "mere", "moor", "ridge", "shaw", "side",
    "stead", "stone", "thorpe", "wick", "wood",
)  # fmt: skip
CITIES = ("Lakeside", "Millbrook", "Riverton", "Hillcrest", "Oakdale", "Fairview")


def given(drawn: int) -> str:
    """One of 64 given names."""
    return GIVEN[drawn % len(GIVEN)]


def family(drawn: int) -> str:
    """One of 1,024 family names."""
    return FAMILY_START[drawn % 32] + FAMILY_END[(drawn >> 5) % 32]
