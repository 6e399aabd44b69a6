"""The built-in transforms by family. Each module has builders: arguments of the configuration in, a `Step` out."""
