// What a feature looks like, as its layer says.

/** The colour of a feature: that of its code, or that of its layer. */
export function colourOf(layer, feature) {
  return (layer.colourBy && layer.colours[feature.properties[layer.colourBy]]) || layer.colour;
}
