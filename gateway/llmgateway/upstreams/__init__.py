"""Where answers come from: pooled HTTP clients behind one narrow seam,
discovery, retries, the built-in scripted upstream.
No dialect is parsed here."""
