"""The `litellm` backend: any language model that the litellm library reaches."""
