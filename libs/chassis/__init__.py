"""What any service needs to run: lifecycle, settings, logs, errors, gRPC, AMQP, topology, blobs."""
