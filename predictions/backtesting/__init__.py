"""The served forecasters, judged on past projects in the documented file formats. Pure: files in, one report out."""
