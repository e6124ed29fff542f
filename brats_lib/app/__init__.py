"""The application: choose a case, press a button, see what a network finds (paper section 5), and rate it.

Modules that know Streamlit are `serve`, which is the server, `main`, `session` and those named `page_*`, which only
place things on a page. What is placed is made by modules without it: `launch` finds the cases and starts the server,
`engine` runs a network, `scans` holds a case ready to be looked at, `drawing` and `panels` make pictures, `report`
texts, numbers and files, `uploads` takes files from a browser, `memory` holds what sessions computed until they are
over, `temporary` leaves nothing behind, and `study` is the reader study: who sees what in which order, and what they
said.

Importing this package loads neither Streamlit nor Keras.
"""

__all__ = ["ADDRESS"]

# Nobody but this machine reaches the server.
ADDRESS = "127.0.0.1"
