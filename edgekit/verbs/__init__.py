"""What each verb does, as one public typed function a module. None of them prints."""
