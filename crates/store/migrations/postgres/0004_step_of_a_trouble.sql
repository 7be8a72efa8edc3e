-- How far the way of a message led before what broke an account was met; empty where nothing did, or nobody noted it.

ALTER TABLE accounts ADD COLUMN state_step TEXT;
