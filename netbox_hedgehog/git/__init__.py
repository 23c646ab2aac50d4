"""Git without checkouts: policy, heads, mirrors and bounded reads. Knows neither Django nor settings."""
