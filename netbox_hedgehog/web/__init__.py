"""What other machines ask of the web server: probes and metrics."""
