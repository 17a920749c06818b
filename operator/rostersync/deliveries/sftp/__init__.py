"""Delivers to a folder of an SFTP server."""
