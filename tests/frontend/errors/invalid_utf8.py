import keras
name = "café"
