"""How text becomes words, for the index and for what somebody typed: two functions that everybody may call.

1. Case, accents and look-alike forms are folded; Chinese and Japanese characters are a word each, for want of blanks.
2. Words are what stands between punctuation.  A word with hyphens or apostrophes counts in parts and as a whole:
   ABC-123 is found as abc, 123, abc123 and ABC-123.
3. Each word is marked with the end of its tenant's id.  So one index without extensions serves each tenant from a
   range of its own, also by the beginning of a word.  The mark alone keeps nobody apart; its 48 bits only see to it
   that hardly ever two tenants share one, whose searches would then take the time of both.

Only core functions are used, since a server need not have any extension.  A changed body makes every index wrong: it
comes with a migration that rebuilds them.
"""

from __future__ import annotations

SEARCHED_CHARACTERS = 10_000
"""Of each row; what follows is not found."""
WORD_CHARACTERS = 60
"""Longer words are found by their beginning."""
_ROOMY_BYTES = 1_900  # a word in a tsvector holds 2,046 bytes, the mark included

_MARK = "right(tenant::text, 12)"

# Everything up to U+00BF that is no letter or digit, but for hyphen and apostrophe, and the common punctuation beyond.
_SEPARATORS = (
    r"[\u0001-\u0026\u0028-\u002C\u002E\u002F:-@\[-`{-\u00A9\u00AB-\u00B4\u00B6-\u00B9\u00BB-\u00BF"
    r"\u2000-\u206F\u3000-\u3004\u3007-\u3020]+"
)
# Accents, the points of Hebrew and Arabic, voicing marks, variants of pictures, soft hyphens, marks of direction.
_DROPPED = r"[\u00AD\u0300-\u036F\u0591-\u05C7\u064B-\u0652\u200B-\u200F\u2060\u3099\u309A\uFE00-\uFE0F]+"
_CURVED = "\u2019\u02bc\u2010"  # two apostrophes, and the hyphen that normalisation makes of the unbreakable one
_UNSPACED = r"([\u3040-\u30FF\u3400-\u9FFF\uF900-\uFAFF])"

_FOLD = rf"""
  folded := lower(left(texts, {SEARCHED_CHARACTERS}));
  IF octet_length(folded) <> length(folded) THEN
    folded := lower(regexp_replace(normalize(folded, NFKD), '{_DROPPED}', '', 'g'));
    folded := translate(folded, 'øłđħŧı{_CURVED}', 'oldhti''''-');
    folded := replace(replace(replace(folded, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe');
    folded := regexp_replace(folded, '{_UNSPACED}', ' \1 ', 'g');
  END IF;
  folded := regexp_replace(folded, '{_SEPARATORS}', ' ', 'g');"""

_PURE = "LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT COST 1000 SET search_path = pg_catalog, pg_temp"

# Every part is a constant of this module.
SEARCH_WORDS = rf"""
CREATE OR REPLACE FUNCTION stratibreak.search_words(tenant uuid, texts text) RETURNS tsvector
{_PURE} AS $body$
DECLARE
  mark text := {_MARK};
  folded text;
BEGIN{_FOLD}
  IF octet_length(folded) > {_ROOMY_BYTES} THEN
    folded := regexp_replace(folded, '([^ ]{{{WORD_CHARACTERS}}})[^ ]+', '\1', 'g');
  END IF;
  IF position('-' IN folded) > 0 OR position('''' IN folded) > 0 THEN
    folded := translate(folded, '-''', '  ') || ' ' || translate(folded, '-''', '');
  END IF;
  RETURN array_to_tsvector(array_remove(string_to_array(mark || replace(folded, ' ', ' ' || mark), ' '), mark));
END
$body$"""

# `'` and `\` are no part of a word, so quoting one takes no escaping.  One letter alone would match by its beginning
# most of what there is, and means itself.
SEARCH_QUERY = rf"""
CREATE OR REPLACE FUNCTION stratibreak.search_query(tenant uuid, texts text, whole_keys boolean) RETURNS tsquery
{_PURE} AS $body$
DECLARE
  mark text := {_MARK};
  folded text;
  typed text;
  word text;
  parts text[] := '{{}}';
BEGIN{_FOLD}
  FOREACH typed IN ARRAY string_to_array(folded, ' ') LOOP
    word := left(translate(typed, '-''', ''), {WORD_CHARACTERS});
    CONTINUE WHEN word = '';
    parts := parts || ('''' || mark || word || CASE
      WHEN length(word) = 1 OR (whole_keys AND typed ~ '^[^-]+-[0-9]+$') THEN '''' ELSE ''':*' END);
  END LOOP;
  RETURN CASE WHEN parts <> '{{}}' THEN array_to_string(parts, ' & ')::tsquery END;
END
$body$"""

WORD_FUNCTIONS = ("stratibreak.search_words(uuid, text)", "stratibreak.search_query(uuid, text, boolean)")


def word_function_statements() -> list[str]:
    """Return the statements that (re)create the two functions."""
    return [SEARCH_WORDS.strip(), SEARCH_QUERY.strip()]
