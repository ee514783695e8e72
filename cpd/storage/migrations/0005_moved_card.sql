-- The other machine at whose first start the sessions of before were held back; none while the store is at home.
ALTER TABLE machine ADD COLUMN held_on TEXT;
