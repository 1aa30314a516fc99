"""Colours of classes where a data set has none of its own."""


def voc_palette(classes: int) -> list[list[int]]:
    """PASCAL VOC's colour map: the bits of the label, spread over the high bits of red, green and blue."""
    colours = []
    for label in range(classes):
        colour = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                colour[channel] |= (label >> (3 * bit + channel) & 1) << (7 - bit)
        colours.append(colour)
    return colours
