"""Error analysis of one result: frame rankings, confused pairs, error regions, slices and the label audit."""
