"""moto's services made fit for a long-lived server, and called in this process."""
