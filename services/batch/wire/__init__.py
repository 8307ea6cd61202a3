"""Between rows and protobuf: what is sent, what is read, and which fields are refused."""
