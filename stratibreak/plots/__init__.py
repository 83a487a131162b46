"""Plots as SVG, drawn on the server: no script, no inline style, no request, so that they fit the strictest policy.

A figure is a sentence that says what is seen, one drawing for wide pages and one for phones (text keeps its size in
both), a legend, and the numbers as a table. Nothing is told by colour alone: lines differ in their dashes, marks in
their shape, and what matters most is written beside it. Colours come from plots.css by class.

Why not a library: matplotlib, plotly's and pygal's SVG carry inline styles or scripts, which the content policy
refuses, and scale their text with the picture, which makes it unreadable on a phone.

Pure: strings and numbers in, text out. Texts are escaped by the XML writer, whatever they hold.
"""
