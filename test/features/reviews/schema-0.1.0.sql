-- What release 0.1.0 made of the old module's table, statement by statement as it ran them, and its record of that.

ALTER TABLE product_reviews
        ADD COLUMN IF NOT EXISTS edited_at timestamptz,
        ADD COLUMN IF NOT EXISTS superseded_at timestamptz;

CREATE TABLE IF NOT EXISTS product_review_stats (
    product_id text PRIMARY KEY,
    review_count integer NOT NULL,
    rating_sum bigint NOT NULL
  );

LOCK TABLE product_reviews IN SHARE ROW EXCLUSIVE MODE;

CREATE OR REPLACE FUNCTION product_review_stars(rating integer) RETURNS integer
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT least(5, greatest(1, coalesce(rating, 1))) $$;

UPDATE product_reviews AS review SET superseded_at = now()
    FROM (
  SELECT id, product_id IS NOT NULL AND author_id IS NOT NULL
             AND lead(id) OVER (PARTITION BY product_id, author_id ORDER BY id) IS NULL AS is_newest
    FROM product_reviews) AS ranked
   WHERE ranked.id = review.id AND NOT is_newest AND review.superseded_at IS NULL;

UPDATE product_reviews AS review SET superseded_at = NULL
    FROM (
  SELECT id, product_id IS NOT NULL AND author_id IS NOT NULL
             AND lead(id) OVER (PARTITION BY product_id, author_id ORDER BY id) IS NULL AS is_newest
    FROM product_reviews) AS ranked
   WHERE ranked.id = review.id AND is_newest AND review.superseded_at IS NOT NULL;

DELETE FROM product_review_stats;

INSERT INTO product_review_stats (product_id, review_count, rating_sum) 
  SELECT product_id, count(*)::integer AS review_count, sum(product_review_stars(rating))::bigint AS rating_sum
    FROM product_reviews
   WHERE superseded_at IS NULL
   GROUP BY product_id;

CREATE INDEX IF NOT EXISTS product_reviews_current_page
     ON product_reviews (product_id, (id + 0) DESC) WHERE superseded_at IS NULL;

CREATE INDEX IF NOT EXISTS product_reviews_author
     ON product_reviews (product_id, author_id, id);

CREATE UNIQUE INDEX IF NOT EXISTS product_reviews_current
     ON product_reviews (product_id, author_id) WHERE superseded_at IS NULL;

SELECT set_config('search_path', string_agg(quote_ident(name), ', ' ORDER BY place) || ', pg_temp', true)
    FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place);

CREATE FUNCTION product_review_turn(product text, author text) RETURNS bigint
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT 7206150332000 + (hashtextextended(product || chr(31) || author, 0) & 1023) $$;

CREATE FUNCTION product_reviews_make_current(products text[], authors text[]) RETURNS void
  LANGUAGE plpgsql STRICT SET search_path FROM CURRENT SET enable_seqscan = off
  AS $$
  DECLARE
    leaving bigint[];
    arriving bigint[];
    locked bigint[] := '{}';
  BEGIN
    IF cardinality(products) > 1 THEN
      PERFORM pg_advisory_xact_lock(7206150331999);
    END IF;
    PERFORM pg_advisory_xact_lock(turn)
       FROM (SELECT DISTINCT product_review_turn(product, author) AS turn FROM unnest(products, authors) AS pair (product, author) ORDER BY turn) AS turns;
    LOOP
      SELECT coalesce(array_agg(former) FILTER (WHERE former <> newest), '{}'),
             array_agg(newest) FILTER (WHERE newest IS DISTINCT FROM former)
        INTO leaving, arriving
        FROM (SELECT (SELECT id FROM product_reviews
                  WHERE product_id = pair.product AND author_id = pair.author AND superseded_at IS NULL) AS former, (SELECT max(id) FROM product_reviews WHERE product_id = pair.product AND author_id = pair.author) AS newest FROM unnest(products, authors) AS pair (product, author)) AS state;
      EXIT WHEN leaving = locked;
      PERFORM 1 FROM product_reviews WHERE id = ANY (leaving) AND superseded_at IS NULL ORDER BY id FOR UPDATE;
      locked := leaving;
    END LOOP;
    WITH older AS (
      UPDATE product_reviews SET superseded_at = now() WHERE id = ANY (leaving) RETURNING id
    )
    UPDATE product_reviews SET superseded_at = NULL
     WHERE id = ANY (arriving) AND (SELECT count(*) FROM older) >= 0;
  END $$;

CREATE FUNCTION product_reviews_promote(products text[], authors text[]) RETURNS void
  LANGUAGE sql STRICT SET search_path FROM CURRENT SET enable_seqscan = off
  AS $$
    UPDATE product_reviews SET superseded_at = NULL
     WHERE id = ANY (ARRAY(SELECT (SELECT max(id) FROM product_reviews WHERE product_id = pair.product AND author_id = pair.author) FROM unnest(products, authors) AS pair (product, author) WHERE (SELECT id FROM product_reviews
                  WHERE product_id = pair.product AND author_id = pair.author AND superseded_at IS NULL) IS NULL))
  $$;

CREATE FUNCTION product_reviews_hold() RETURNS trigger LANGUAGE plpgsql
   AS $$ BEGIN NEW.superseded_at := coalesce(NEW.superseded_at, now()); RETURN NEW; END $$;

CREATE FUNCTION product_reviews_take_turns() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ BEGIN PERFORM pg_advisory_xact_lock(7206150331999); RETURN NULL; END $$;

CREATE FUNCTION product_reviews_after_insert() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ BEGIN 
    PERFORM product_reviews_make_current(array_agg(product_id::text), array_agg(author_id::text))
       FROM (SELECT DISTINCT product_id, author_id FROM (TABLE new_rows) AS found
              WHERE product_id IS NOT NULL AND author_id IS NOT NULL) AS pair; RETURN NULL; END $$;

CREATE FUNCTION product_reviews_after_update() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ BEGIN 
    PERFORM product_reviews_make_current(array_agg(product_id::text), array_agg(author_id::text))
       FROM (SELECT DISTINCT product_id, author_id FROM (SELECT id, product_id, author_id FROM new_rows EXCEPT SELECT id, product_id, author_id FROM old_rows) AS found
              WHERE product_id IS NOT NULL AND author_id IS NOT NULL) AS pair;
    INSERT INTO product_review_stats AS stats (product_id, review_count, rating_sum)
    SELECT product_id, sum(sign), sum(sign * product_review_stars(rating))
      FROM (SELECT product_id, rating, 1 AS sign FROM new_rows WHERE superseded_at IS NULL
             UNION ALL SELECT product_id, rating, -1 FROM old_rows WHERE superseded_at IS NULL) AS change
     GROUP BY product_id
    HAVING sum(sign) <> 0 OR sum(sign * product_review_stars(rating)) <> 0
     ORDER BY product_id
        ON CONFLICT (product_id) DO UPDATE
       SET review_count = stats.review_count + excluded.review_count,
           rating_sum = stats.rating_sum + excluded.rating_sum;
    PERFORM product_reviews_promote(array_agg(product_id::text), array_agg(author_id::text))
       FROM (SELECT DISTINCT product_id, author_id FROM (SELECT id, product_id, author_id FROM old_rows EXCEPT SELECT id, product_id, author_id FROM new_rows) AS found
              WHERE product_id IS NOT NULL AND author_id IS NOT NULL) AS pair; RETURN NULL; END $$;

CREATE FUNCTION product_reviews_after_delete() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ BEGIN 
    INSERT INTO product_review_stats AS stats (product_id, review_count, rating_sum)
    SELECT product_id, sum(sign), sum(sign * product_review_stars(rating))
      FROM (SELECT product_id, rating, -1 AS sign FROM old_rows WHERE superseded_at IS NULL) AS change
     GROUP BY product_id
    HAVING sum(sign) <> 0 OR sum(sign * product_review_stars(rating)) <> 0
     ORDER BY product_id
        ON CONFLICT (product_id) DO UPDATE
       SET review_count = stats.review_count + excluded.review_count,
           rating_sum = stats.rating_sum + excluded.rating_sum;
    PERFORM product_reviews_promote(array_agg(product_id::text), array_agg(author_id::text))
       FROM (SELECT DISTINCT product_id, author_id FROM (SELECT * FROM old_rows WHERE superseded_at IS NULL) AS found
              WHERE product_id IS NOT NULL AND author_id IS NOT NULL) AS pair; RETURN NULL; END $$;

CREATE FUNCTION product_reviews_after_truncate() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ BEGIN DELETE FROM product_review_stats; RETURN NULL; END $$;

CREATE FUNCTION product_review_stats_ignore() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;

REVOKE ALL ON FUNCTION product_reviews_take_turns() FROM PUBLIC;

REVOKE ALL ON FUNCTION product_reviews_after_insert() FROM PUBLIC;

REVOKE ALL ON FUNCTION product_reviews_after_update() FROM PUBLIC;

REVOKE ALL ON FUNCTION product_reviews_after_delete() FROM PUBLIC;

REVOKE ALL ON FUNCTION product_reviews_after_truncate() FROM PUBLIC;

CREATE TRIGGER product_reviews_hold BEFORE INSERT ON product_reviews
     FOR EACH ROW EXECUTE FUNCTION product_reviews_hold();

CREATE TRIGGER product_reviews_hold_moved BEFORE UPDATE OF id, product_id, author_id ON product_reviews
     FOR EACH ROW WHEN ((OLD.id, OLD.product_id, OLD.author_id) IS DISTINCT FROM (NEW.id, NEW.product_id, NEW.author_id)) EXECUTE FUNCTION product_reviews_hold();

CREATE TRIGGER product_reviews_take_turns BEFORE DELETE OR UPDATE OF id, product_id, author_id ON product_reviews
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_take_turns();

CREATE TRIGGER product_reviews_after_insert AFTER INSERT ON product_reviews
     REFERENCING NEW TABLE AS new_rows
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_insert();

CREATE TRIGGER product_reviews_after_update AFTER UPDATE ON product_reviews
     REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_update();

CREATE TRIGGER product_reviews_after_delete AFTER DELETE ON product_reviews
     REFERENCING OLD TABLE AS old_rows
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_delete();

CREATE TRIGGER product_reviews_after_truncate AFTER TRUNCATE ON product_reviews
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_truncate();

CREATE TRIGGER product_review_stats_ignore BEFORE INSERT ON product_review_stats
     FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION product_review_stats_ignore();

CREATE TABLE gogomarket_sidecar_migrations (
  id serial PRIMARY KEY, name varchar(255), batch integer, migration_time timestamptz);
CREATE TABLE gogomarket_sidecar_migrations_lock (index serial PRIMARY KEY, is_locked integer);
INSERT INTO gogomarket_sidecar_migrations (name, batch, migration_time) VALUES
  ('0001-product-reviews', 1, now()), ('0002-product-review-stats', 2, now());
INSERT INTO gogomarket_sidecar_migrations_lock (is_locked) VALUES (0);
