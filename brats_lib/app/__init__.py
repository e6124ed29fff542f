"""The application: choose a case, press a button, see what a network finds (paper section 5), and rate it.

`launch` starts the server of `serve`, which runs `main` and its pages; only these, `session` and the modules named
`page_*` know Streamlit. Importing this package loads neither Streamlit nor Keras.
"""

__all__ = ["ADDRESS"]

# Nobody but this machine reaches the server.
ADDRESS = "127.0.0.1"
