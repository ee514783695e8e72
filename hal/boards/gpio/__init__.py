"""A charge point made of a Raspberry Pi: kernel PWM and an SPI ADC for the pilot, pins for the rest."""
