"""Inference: predictor, resizing, upsampling of logits, video, ONNX."""
