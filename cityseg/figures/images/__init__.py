"""Images rather than charts: overlays, crops, PNG encoding and the files of a prediction."""
