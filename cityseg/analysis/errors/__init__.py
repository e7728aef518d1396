"""Where a result fails: rankings of frames, confused pairs, error regions, slices and the label audit."""
